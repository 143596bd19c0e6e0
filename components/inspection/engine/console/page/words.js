// Labels and tones for the states of the service.
import { badge, h } from "./dom.js";

const MODEL = {
  TRAINING: ["Training", "plain"], TRAINED: ["Trained", "good"], TRAINING_FAILED: ["Training failed", "bad"],
  STARTING_HOSTING: ["Starting", "plain"], HOSTED: ["Running", "good"], HOSTING_FAILED: ["Start failed", "bad"],
  STOPPING_HOSTING: ["Stopping", "plain"], SYSTEM_UPDATING: ["Updating", "plain"], DELETING: ["Deleting", "plain"],
};
const TRIAL = { IN_PROGRESS: ["Detecting", "plain"], READY: ["Ready", "good"], FAILED: ["Failed", "bad"] };
const MOVING = /^(TRAINING|STARTING_HOSTING|STOPPING_HOSTING|SYSTEM_UPDATING|DELETING|CREATE_IN_PROGRESS|UPDATE_IN_PROGRESS|UPDATE_FAILED_ROLLBACK_IN_PROGRESS|DELETE_IN_PROGRESS|IN_PROGRESS)$/;

function state(names, status) {
  const [text, tone] = names[status] ?? [status, "plain"];
  const sign = badge(text, tone);
  if (MOVING.test(status)) sign.prepend(h("i", { class: "spin", "aria-hidden": "true" }));
  return sign;
}

export const modelState = (model) => state(MODEL, model.Status);
export const trialState = (trial) => state(TRIAL, trial.Status);
export const moving = (status) => MOVING.test(status ?? "");
export const usable = (model) => ["TRAINED", "HOSTED", "STARTING_HOSTING", "STOPPING_HOSTING", "HOSTING_FAILED"].includes(model.Status);

/** The model's prediction for a picture. */
export const prediction = (anomalous) => badge(anomalous ? "Anomaly" : "Normal", anomalous ? "warn" : "plain");

export function verdict(result) {
  if (result.Status === "REJECTED") return badge("Rejected", "bad");
  if (result.Verdict === "CORRECT") return badge("Correct", "good");
  if (result.Verdict === "INCORRECT") return badge("Incorrect", "bad");
  return h("span", { class: "mute" }, "not verified");
}

export const DATASETS = { train: "Training dataset", test: "Test dataset" };
