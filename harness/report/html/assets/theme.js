// Before anything is drawn: the theme that was chosen on an earlier visit.
(() => {
  try {
    const theme = localStorage.getItem("gai-harness-theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch { /* none kept */ }
})();
