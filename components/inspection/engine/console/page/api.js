// The engine, as this page asks it: operations by name, pictures by address.
import { ask, call } from "./calls.js";

export { every, together } from "./calls.js";

export const vision = call("lookoutvision");
export const inspection = call("brumeinspection");

/** Send one picture: `parameters` are the other members of the operation. */
export function upload(operation, parameters, file, signal) {
  const query = new URLSearchParams(parameters);
  return ask(`upload/${operation}?${query}`, {
    method: "POST", headers: { "Content-Type": typeOf(file) }, body: file, signal,
  });
}

const typeOf = (file) => (/\.png$/i.test(file.name) ? "image/png" : "image/jpeg");

export const trialPicture = (trial, result, kind) =>
  `picture/trial?${new URLSearchParams({ TrialId: trial, ResultId: result, Kind: kind })}`;

export const datasetPicture = (project, picture, kind, version) =>
  `picture/dataset?${new URLSearchParams({ ProjectName: project, PictureId: picture, Kind: kind, ...(version ? { ModelVersion: version } : {}) })}`;
