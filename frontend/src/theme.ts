/** Light, dark, or as the system has it; kept between visits. */

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEY = "theme";
const SYSTEM_IS_DARK = "(prefers-color-scheme: dark)";
const listeners = new Set<() => void>();

export function savedTheme(): Theme {
  const saved = localStorage.getItem(KEY);
  return THEMES.find((theme) => theme === saved) ?? "system";
}

/** What is worn now, saved or not. */
export function chosenTheme(): Theme {
  const worn = document.documentElement.dataset["theme"];
  return THEMES.find((theme) => theme === worn) ?? "system";
}

export function wear(theme: Theme): void {
  localStorage.setItem(KEY, theme);
  show(theme);
}

/** "system" leaves the choice to the style sheet. */
export function show(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
  for (const listener of listeners) listener();
}

/** When another theme is worn, or the system's has changed. */
export function onTheme(listener: () => void): () => void {
  listeners.add(listener);
  const system = window.matchMedia(SYSTEM_IS_DARK);
  system.addEventListener("change", listener);
  return () => {
    listeners.delete(listener);
    system.removeEventListener("change", listener);
  };
}

/** systemIsDark: what the system would have. */
export function isDark(theme: Theme, systemIsDark: boolean): boolean {
  return theme === "dark" || (theme === "system" && systemIsDark);
}

/** Whether dark colours are shown now. */
export function looksDark(): boolean {
  return isDark(chosenTheme(), window.matchMedia(SYSTEM_IS_DARK).matches);
}
