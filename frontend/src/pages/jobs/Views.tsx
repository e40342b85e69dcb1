import { useState, type SubmitEvent } from "react";
import { Dialog } from "../../components/Dialog";
import { TextInput } from "../../components/Field";
import { Icon } from "../../components/Icon";
import { Menu } from "../../components/Menu";
import { isEverything } from "../../jobfilter";
import { tell } from "../../notices";
import { hrefTo, type Route } from "../../route";
import { removeView, saveView, useViews, type View } from "../../views";

/** Named filters: to go to, to keep, to forget. */
export function Views({ route }: { readonly route: Route }) {
  const views = useViews();
  const [isSaving, setSaving] = useState(false);
  const query = hrefTo({ jobId: null, filter: route.filter }).replace("#/jobs", "");
  const isSaved = views.some((view) => view.query === query);
  return (
    <>
      <Menu label="Saved views" text={views.find((view) => view.query === query)?.name ?? "Views"} icon="queue" testId="views">
        {views.map((view) => (
          <Item key={view.name} view={view} isCurrent={view.query === query} />
        ))}
        {views.length === 0 && <p className="menu-note">Filter the list, and keep the filter under a name.</p>}
        <button
          type="button"
          className="menu-item"
          data-testid="save-view"
          disabled={isSaved || isEverything(route.filter)}
          onClick={() => { setSaving(true); }}
        >
          <Icon name="plus" />
          Save this filter…
        </button>
      </Menu>
      {isSaving && <SaveDialog query={query} onClose={() => { setSaving(false); }} />}
    </>
  );
}

function Item({ view: { name, query }, isCurrent }: { readonly view: View; readonly isCurrent: boolean }) {
  return (
    <div className="menu-pair">
      <a className="menu-item" href={`#/jobs${query}`} aria-current={isCurrent || undefined} data-testid="view">
        {name}
      </a>
      <button type="button" className="button-quiet" aria-label={`Forget ${name}`} title={`Forget ${name}`} onClick={() => { removeView(name); }}>
        <Icon name="trash" />
      </button>
    </div>
  );
}

function SaveDialog({ query, onClose }: { readonly query: string; readonly onClose: () => void }) {
  const [name, setName] = useState("");
  return (
    <Dialog title="Save this filter" testId="save-view-dialog" onClose={onClose}>
      <form
        className="form"
        onSubmit={(event: SubmitEvent) => {
          event.preventDefault();
          saveView({ name: name.trim(), query });
          tell("ok", `Saved as “${name.trim()}”.`);
          onClose();
        }}
      >
        <TextInput
          label="Name"
          hint="Kept in this browser. To share a view, send its address."
          value={name}
          maxLength={40}
          required
          onChange={({ target }) => { setName(target.value); }}
        />
        <div className="dialog-actions">
          <button type="submit" className="button-primary" disabled={name.trim() === ""}>
            Save
          </button>
        </div>
      </form>
    </Dialog>
  );
}
