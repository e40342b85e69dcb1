import { useTheme } from "../hooks";
import { THEMES, type Theme } from "../theme";
import { Icon, type IconName } from "../components/Icon";

const LOOKS: Record<Theme, { readonly label: string; readonly icon: IconName }> = {
  system: { label: "Theme: as the system", icon: "system" },
  light: { label: "Theme: light", icon: "sun" },
  dark: { label: "Theme: dark", icon: "moon" },
};

export function ThemeToggle() {
  const [theme, setTheme] = useTheme();
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "system";
  const { label, icon } = LOOKS[theme];
  return (
    <button
      type="button"
      className="button-quiet"
      onClick={() => { setTheme(next); }}
      aria-label={label}
      title={label}
      data-testid="theme"
    >
      <Icon name={icon} className="size-4" />
    </button>
  );
}
