import { expect, it } from "vitest";
import { viewsIn, withView } from "../src/views";

it("a view takes the place of another one of its name, and they are sorted by name", () => {
  const views = withView(withView([{ name: "b", query: "?status=FAILED" }], { name: "a", query: "?tag=x" }), { name: "b", query: "?tag=y" });

  expect(views).toEqual([
    { name: "a", query: "?tag=x" },
    { name: "b", query: "?tag=y" },
  ]);
});

it.each([null, "", "{", "{}", '[1, null, {"name": 1, "query": ""}]'])("what cannot be read is no view: %j", (text) => {
  expect(viewsIn(text)).toEqual([]);
});

it("what was kept comes back", () => {
  expect(viewsIn('[{"name": "a", "query": "?tag=x"}]')).toEqual([{ name: "a", query: "?tag=x" }]);
});
