// What stands above every view: for whom the page is, the places they may see, an emergency access that is open.
import { records } from "./api.js";
import { button, field, h, notify, sheet, show, time } from "./dom.js";

const ROLES = { full: "all records", clinician: "your patients", researcher: "without names", steward: "steward", none: "no records" };

const clock = (moment) => time(moment).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });

/** Draw the part of the page that all views share. */
export async function shell() {
  const about = await records("GetConsole").catch(() => null); // the view says what is wrong
  if (!about) return;
  for (const item of document.querySelectorAll("[data-administers]")) item.hidden = !about.Administers;
  const who = document.getElementById("who");
  who.title = `The page acts for the access key ${about.Name}`;
  show(who, ROLES[about.Role] ?? about.Role);
  const banner = document.getElementById("banner");
  banner.hidden = !about.MayOpen;
  if (about.Emergency) show(banner, h("p", { class: "note warn" }, h("b", {}, "Emergency access"), about.EmergencyEnds ? ` until ${clock(about.EmergencyEnds)}` : "", ": all records are shown, and all that is read is kept with your reason. ", button("End it", end, { class: "button slim", id: "end-emergency" })));
  else if (about.MayOpen) show(banner, button("Emergency access…", open, { class: "button slim", id: "open-emergency" }));
}

function again() {
  shell();
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

async function end() {
  try {
    await records("EndEmergencyAccess");
    again();
  } catch (error) {
    notify(error.message, "bad");
  }
}

function open() {
  sheet("Emergency access", (close) => {
    const reason = h("textarea", { required: true, minlength: 10, maxlength: 1000, rows: 3, autofocus: true }), minutes = h("input", { type: "number", value: 60, min: 1, max: 240 });
    const wrong = h("p", { class: "note bad", role: "alert", hidden: true });
    const submit = async (event) => {
      event.preventDefault();
      try {
        await records("BeginEmergencyAccess", { Reason: reason.value, Minutes: Number(minutes.value) });
        close();
        again();
      } catch (error) {
        wrong.textContent = error.message;
        wrong.hidden = false;
      }
    };
    return h("form", { onsubmit: submit }, h("p", {}, "All records are shown for a limited time. Your reason and everything that is read are kept, and stewards see them."),
      field("Reason", reason, "Ten characters or more."), field("Minutes", minutes), wrong,
      h("div", { class: "actions" }, h("button", { class: "button primary" }, "Open all records"), button("Cancel", close)));
  });
}
