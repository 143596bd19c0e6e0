// The engine, as a page asks it: operations by name, their listings, several at a time.

export class Failure extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

async function answer(response) {
  if (response.ok) return response.json();
  const body = await response.json().catch(() => ({}));
  throw new Failure(body.code ?? String(response.status), body.message ?? `The engine answered ${response.status}.`);
}

/** Send a request below the page's own address; returns the JSON of its answer. Throws `Failure`. */
export async function ask(address, options) {
  let response;
  try {
    response = await fetch(address, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure("Unreachable", "The engine does not answer. Is it still running?");
  }
  return answer(response);
}

/** Return what calls operations of a service: `(operation, parameters, signal)`. */
export const call = (service) => (operation, parameters = {}, signal) =>
  ask(`api/${service}/${operation}`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(parameters), signal,
  });

/** Read every page of a listing. */
export async function every(caller, operation, parameters, member, signal) {
  const found = [];
  let token;
  do {
    const page = await caller(operation, token ? { ...parameters, NextToken: token } : parameters, signal);
    found.push(...(page[member] ?? []));
    token = page.NextToken;
  } while (token);
  return found;
}

/** Do `work` on every item, a few at a time. */
export async function together(items, work, most = 4) {
  const results = new Array(items.length);
  let next = 0;
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index], index);
    }
  }));
  return results;
}
