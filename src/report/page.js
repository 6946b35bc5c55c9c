"use strict";
(() => {
  const by = (id) => document.getElementById(id);
  const finder = by("finder");
  if (finder) {
    finder.hidden = false;
    const rows = [...document.querySelectorAll("table.answers tbody tr")];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const show = () => {
      const words = by("find").value.toLowerCase().trim();
      const kind = document.querySelector("input[name=show]:checked").value;
      let seen = 0;
      rows.forEach((row, i) => {
        row.hidden = !texts[i].includes(words);
        if (!row.hidden && (kind === "all" || row.classList.contains(kind))) seen += 1;
      });
      by("found").textContent = seen + " of " + rows.length + " shown";
    };
    let waiting = 0;
    by("find").addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(show, 120);
    });
    document.querySelectorAll("input[name=show]").forEach((radio) => radio.addEventListener("change", show));
    show();
  }
  document.querySelectorAll("pre.command").forEach((command) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.setAttribute("aria-label", "Copy: " + command.textContent);
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(command.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(command);
        button.textContent = "Selected: copy it by Ctrl-C";
      }
    });
    command.after(button);
  });
})();
