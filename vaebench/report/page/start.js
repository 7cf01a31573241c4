// Begins all parts of the page's script, when the page is there.

document.documentElement.classList.add("scripted");
startTheme(document.getElementById("theme"));
startZoom();
startTables();
startBrowse();
startFollow();
