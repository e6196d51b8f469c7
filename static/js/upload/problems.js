// Errors as cards: what happened, what to do, one primary action, details, a way to a person.
export const ELSEWHERE = "UPLOAD_CONTINUED_ELSEWHERE";
const LONGEST_WAIT_S = 600;
const WAITS = new Set([0, 408, 409, 423, 425, 429]);

/** Read a problem (RFC 9457) out of a body; null when it is none. */
export function parse(body) {
  try {
    const problem = JSON.parse(body);
    return typeof problem.title === "string" && typeof problem.code === "string" ? problem : null;
  } catch {
    return null;
  }
}

/** The catalogue's words for something the browser found out by itself. */
export function own(words, fields = {}) {
  return { ...words, detail: words.detail.replace(/\{(\w+)\}/g, (_all, name) => fields[name] ?? "unknown") };
}

/** The answer to HEAD has no body, only its code: the catalogue's words for it, where the page has them. */
export function ofCode(response, words) {
  const code = response?.getHeader("Holdfast-Problem");
  const entry = code && Object.values(words).find((known) => known.code === code);
  return entry ? { ...own(entry), request_id: response.getHeader("X-Request-ID") ?? "" } : null;
}

/** The server's own word on it where there is one; else by status. No answer at all is the network. */
export function mayPass(error, words) {
  if (!error.originalRequest) return false; // the file itself cannot be read any more
  const status = error.originalResponse?.getStatus() ?? 0;
  const problem = parse(error.originalResponse?.getBody()) ?? ofCode(error.originalResponse, words);
  if (problem?.retry_after > LONGEST_WAIT_S) return false; // nobody sits before a page for so long: the card says when to come back
  return problem ? problem.retryable === true : WAITS.has(status) || status >= 500;
}

/** What to show of an error of tus-js-client that ends an upload. */
export function problemOf(error, words) {
  if (!error.originalRequest) return unreadable();
  const response = error.originalResponse;
  return parse(response?.getBody()) ?? ofCode(response, words) ?? unknownAnswer(response?.getStatus() ?? 0, response?.getHeader("X-Request-ID"));
}

/** Another tab or device has the upload now. The file is at hand here too: it can be taken back. */
export function withWayBack(problem) {
  return problem.code === ELSEWHERE ? { ...problem, actions: [{ kind: "button", label: "Go on here", href: "" }, ...problem.actions] } : problem;
}

export function unknownAnswer(status, requestId) {
  return {
    code: `HTTP_${status}`,
    title: "The upload did not go on",
    detail: "We got an answer that we did not expect. What had arrived before is kept.",
    actions: [{ kind: "button", label: "Try again", href: "" }],
    retryable: true,
    request_id: requestId ?? "",
    doc_url: "/help/upload-keeps-stopping/",
  };
}

function unreadable() {
  return {
    code: "",
    title: "We cannot read this file any more",
    detail: "It was moved, changed or deleted while it was being sent. What has arrived is kept; choose the file again to go on.",
    actions: [],
    retryable: false,
    request_id: "",
    doc_url: "/help/upload-keeps-stopping/",
  };
}

export function otherFile(name) {
  return {
    code: "",
    title: "This is a different file",
    detail: `The unfinished upload is of “${name}”, and the file you chose is not the same one. Nothing was sent.`,
    actions: [{ kind: "button", label: "Choose again", href: "" }],
    retryable: false,
    request_id: "",
    doc_url: "/help/upload-keeps-stopping/",
  };
}

/**
 * Draw a problem.
 * @param {object} problem a problem body
 * @param {{press: (action: object) => void, help: string, video?: string}} page what a button does, and where help is asked for
 */
export function draw(problem, { press, help, video }) {
  const card = document.getElementById("upload-problem").content.firstElementChild.cloneNode(true);
  const at = (name) => card.querySelector(`[data-${name}]`);
  at("title").textContent = problem.title;
  at("sentence").textContent = problem.detail;
  at("code").textContent = problem.code;
  at("request").textContent = problem.request_id || "not sent";
  at("details").hidden = !problem.code;
  const actions = problem.actions ?? [];
  for (const action of actions.filter(({ kind }) => kind === "wait")) at("waits").append(element("li", "", action.label));
  const first = actions.filter(({ kind }) => kind === "button" || kind === "link");
  first.forEach((action, index) => at("actions").append(control(action, index === 0, press)));
  if (problem.doc_url) at("actions").append(link("Read the guide", problem.doc_url));
  if (problem.code && help) at("actions").append(link("Ask for help", `${help}?${new URLSearchParams({ ...(video && { video }), code: problem.code })}`));
  return card;
}

function control(action, primary, press) {
  const style = primary ? "button primary" : "button";
  if (action.href) return link(action.label, action.href, style);
  const button = element("button", style, action.label);
  button.type = "button";
  button.addEventListener("click", () => press(action));
  return button;
}

function link(label, address, style = "button") {
  const anchor = element("a", style, label);
  anchor.href = address;
  return anchor;
}

function element(name, style, text) {
  const made = document.createElement(name);
  if (style) made.className = style;
  made.textContent = text;
  return made;
}
