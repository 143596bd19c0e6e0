// Files that the page lets the browser save.

/** Save a text or a blob under a name. */
export function save(name, content, type = "text/csv") {
  const address = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

/** Return rows as CSV (RFC 4180); what a spreadsheet would compute stands behind an apostrophe. */
export function csv(rows) {
  const cell = (value) => {
    const text = String(value ?? ""), safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}
