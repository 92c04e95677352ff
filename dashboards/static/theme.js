// Before the page is painted: the reader's choice of light or dark, where they made one.
const chosen = localStorage.getItem("theme");
if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
