// Runs before anything is drawn, so that a chosen theme does not flash. A file
// of its own, because the page's policy allows no inline script.
const asked = new URLSearchParams(location.search).get("theme");
let kept: string | null = null;
try {
  kept = localStorage.getItem("theme");
} catch {
  // Storage may be forbidden; the system's theme serves.
}
const theme = asked === "dark" || asked === "light" ? asked : kept;
if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
export {};
