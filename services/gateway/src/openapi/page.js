"use strict";
const $ = (id) => document.getElementById(id);
const BASE = "#/components/";
let api;

/** An element with properties and children; texts are always texts, never markup. */
function el(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/** The little of Markdown that the contracts use: code, bold, lists, paragraphs. */
function inline(text) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
    if (part.startsWith("`")) return el("code", {}, part.slice(1, -1));
    if (part.startsWith("**")) return el("strong", {}, inline(part.slice(2, -2)));
    return part;
  });
}
function prose(text) {
  return (text || "").split(/\n\n+/).filter(Boolean).flatMap((block) => {
    const lines = block.split("\n");
    const plain = lines.filter((line) => !line.startsWith("- ")).join(" ");
    const items = lines.filter((line) => line.startsWith("- "));
    return [
      plain ? el("p", {}, inline(plain)) : null,
      items.length ? el("ul", {}, items.map((item) => el("li", {}, inline(item.slice(2))))) : null,
    ];
  });
}

const resolve = (thing) => {
  if (!thing || !thing.$ref) return thing;
  const [kind, name] = thing.$ref.slice(BASE.length).split("/");
  return api.components[kind][name];
};
const nameOf = (schema) => (schema.$ref ? schema.$ref.split("/").pop() : schema.title);

function kindOf(schema) {
  if (schema.allOf) return kindOf(schema.allOf[0]);
  if (schema.$ref) {
    const target = resolve(schema);
    return target.enum ? `one of ${nameOf(schema)}` : nameOf(schema);
  }
  if (schema.type === "array") return `list of ${kindOf(schema.items)}`;
  const limits = [
    ["minLength", "at least", "characters"], ["maxLength", "at most", "characters"],
    ["minimum", "from", ""], ["maximum", "to", ""],
    ["minItems", "at least", "items"], ["maxItems", "at most", "items"],
  ].filter(([key]) => key in schema).map(([key, word, unit]) => `${word} ${schema[key]} ${unit}`.trim());
  return [schema.format || schema.type || schema.title || "any", ...limits].join(", ");
}

/** What a reader opens is built when it is opened: schemas may hold themselves. */
function lazily(details, build) {
  details.addEventListener("toggle", () => {
    if (details.open && !details.dataset.built) {
      details.dataset.built = "yes";
      details.append(...build());
    }
  });
  return details;
}

function parts(schema) {
  if (schema.type === "array") return parts(schema.items);
  if (schema.allOf) {
    const [first, ...more] = schema.allOf;
    const merged = { ...resolve(first) };
    merged.required = more.flatMap((part) => part.required || []);
    return merged;
  }
  return resolve(schema);
}

/** The fields of a message; of one to be sent (`asked`) only what the caller sets, what must be first. */
function fields(schema, asked) {
  const object = parts(schema);
  if (object.enum) return [el("div", {}, prose(object.description))];
  if (object.anyOf) {
    return [el("ul", { className: "fields" }, object.anyOf.map((one) => field(one.title, one, false, asked)))];
  }
  const must = object.required || [];
  const all = Object.entries(object.properties || {}).filter(([, one]) => !(asked && one.readOnly));
  const first = all.filter(([name]) => must.includes(name));
  const entries = [...first, ...all.filter((entry) => !first.includes(entry))];
  const items = entries.map(([name, one]) => field(name, one, must.includes(name), asked));
  return [el("ul", { className: "fields" }, items)];
}

function field(name, schema, must, asked) {
  const target = schema.type === "array" ? schema.items : schema;
  const opens = Boolean(target.$ref || target.allOf || target.anyOf || target.properties);
  const line = [el("code", {}, name), " ", el("span", { className: "kind" }, kindOf(schema))];
  if (must) line.push(" ", el("span", { className: "must" }, "required"));
  if (schema.readOnly) line.push(el("span", { className: "kind" }, ", set by the server"));
  const about = prose(schema.description);
  if (!opens) return el("li", {}, line, about);
  const details = lazily(el("details", {}, el("summary", {}, line)), () => fields(target, asked));
  return el("li", {}, details, about);
}

function block(title, ...children) {
  return [el("h3", {}, title), ...children];
}

const pretty = (value) => el("pre", { tabIndex: 0 }, JSON.stringify(value, null, 2));

function media(content, asked) {
  return Object.entries(content || {}).flatMap(([type, one]) => [
    el("p", { className: "about" }, type),
    ...(one.schema ? fields(one.schema, asked) : []),
    one.example === undefined ? null
      : el("details", {}, el("summary", {}, "Example"), pretty(one.example)),
  ]);
}

function parameterInput(parameter, id) {
  const schema = resolve(parameter.schema);
  if (schema.enum) {
    return el("select", { id }, ["", ...schema.enum].map((name) => el("option", { value: name }, name)));
  }
  if (schema.type === "boolean") {
    return el("select", { id }, ["", "true", "false"].map((name) => el("option", { value: name }, name)));
  }
  const input = el("input", { id, required: Boolean(parameter.required), spellcheck: false });
  if (schema.type === "array") input.placeholder = "several, with commas between";
  if (parameter.in === "path") input.value = parameter.example || "";
  return input;
}

function address(path, parameters, value) {
  const query = new URLSearchParams();
  let target = path;
  const headers = {};
  for (const parameter of parameters) {
    const text = value(parameter);
    if (parameter.in === "path") target = target.replace(`{${parameter.name}}`, encodeURIComponent(text));
    else if (text === "") continue;
    else if (parameter.in === "header") headers[parameter.name] = text;
    else if (resolve(parameter.schema).type === "array") {
      for (const one of text.split(",")) query.append(parameter.name, one.trim());
    } else query.append(parameter.name, text);
  }
  const tail = query.toString();
  return [tail ? `${target}?${tail}` : target, headers];
}

async function show(response, into) {
  const good = response.ok || response.status === 304;
  into.append(el("p", { className: good ? "ok" : "failed" }, `${response.status} ${response.statusText}`));
  const head = [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
  into.append(el("details", {}, el("summary", {}, "Headers"), el("pre", { tabIndex: 0 }, head)));
  const body = el("pre", { tabIndex: 0 });
  into.append(body);
  const reader = response.body ? response.body.pipeThrough(new TextDecoderStream()).getReader() : null;
  const isJson = (response.headers.get("content-type") || "").startsWith("application/json");
  let text = "";
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    text += value;
    if (!isJson) body.textContent = text;
  }
  if (isJson && text) text = JSON.stringify(JSON.parse(text), null, 2);
  body.textContent = text || "(no body)";
}

function trial(path, verb, operation) {
  const parameters = operation.parameters || [];
  const id = (parameter) => `${operation.operationId}-${parameter.in}-${parameter.name}`;
  const inputs = new Map(parameters.map((one) => [one, parameterInput(one, id(one))]));
  const rows = parameters.map((one) => el("div", { className: "row" },
    el("label", { htmlFor: id(one) }, one.name, one.required ? " *" : ""), inputs.get(one)));
  const body = operation.requestBody && operation.requestBody.content["application/json"];
  const area = body ? el("textarea", { id: `${operation.operationId}-body`, spellcheck: false,
    value: JSON.stringify(body.example || {}, null, 2) }) : null;
  if (area) rows.push(el("label", { htmlFor: area.id }, "Body"), area);
  const send = el("button", { type: "submit" }, "Send");
  const stop = el("button", { type: "button", disabled: true }, "Stop");
  const result = el("div", { "aria-live": "polite" });
  const form = el("form", { autocomplete: "off" }, rows, el("div", { className: "actions" }, send, stop), result);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const [target, headers] = address(path, parameters, (one) => inputs.get(one).value);
    if (area && area.value.trim()) headers["Content-Type"] = "application/json";
    if ($("token").value) headers.Authorization = `Bearer ${$("token").value.trim()}`;
    const abort = new AbortController();
    stop.onclick = () => abort.abort();
    send.disabled = true;
    stop.disabled = false;
    result.replaceChildren(el("p", { className: "path" }, `${verb.toUpperCase()} ${target}`));
    try {
      const content = area && area.value.trim() ? area.value : undefined;
      const sent = { method: verb.toUpperCase(), headers, body: content, signal: abort.signal };
      await show(await fetch(target, { ...sent, cache: "no-store" }), result);
    } catch (error) {
      const stopped = error.name === "AbortError";
      result.append(el("p", { className: stopped ? "about" : "failed" }, stopped ? "Stopped." : String(error)));
    } finally {
      send.disabled = false;
      stop.disabled = true;
    }
  });
  return form;
}

function responses(operation) {
  return el("ul", { className: "fields" }, Object.entries(operation.responses).map(([status, one]) => {
    const response = resolve(one);
    const line = [el("code", {}, status), " ", ...inline(response.description || "")];
    if (!response.content) return el("li", {}, line);
    return el("li", {}, lazily(el("details", {}, el("summary", {}, line)), () => media(response.content)));
  }));
}

function operationOf(path, verb, operation) {
  const line = el("summary", {},
    el("span", { className: `verb ${verb}` }, verb.toUpperCase()),
    el("span", { className: "path" }, path),
    el("span", { className: "about" }, inline(operation.summary)));
  const details = el("details", { className: "operation", id: operation.operationId }, line);
  details.dataset.text = `${verb} ${path} ${operation.operationId} ${operation.summary}`.toLowerCase();
  return lazily(details, () => {
    const parameters = (operation.parameters || []).map((one) =>
      field(one.name, { ...one.schema, description: `(${one.in}) ${one.description}` }, one.required));
    return [el("div", {},
      prose(operation.description),
      parameters.length ? block("Parameters", el("ul", { className: "fields" }, parameters)) : null,
      operation.requestBody ? block("Body", ...media(operation.requestBody.content, true)) : null,
      block("Answers", responses(operation)),
      block("Try it", trial(path, verb, operation)))];
  });
}

function build() {
  document.title = `${api.info.title} API ${api.info.version}`;
  $("version").textContent = `API ${api.info.version}`;
  const sections = new Map(api.tags.map((tag) => [tag.name, []]));
  for (const [path, verbs] of Object.entries(api.paths)) {
    for (const [verb, operation] of Object.entries(verbs)) {
      sections.get(operation.tags[0]).push([path, verb, operation]);
    }
  }
  const main = [el("div", { className: "intro" }, prose(api.info.description))];
  const nav = [];
  for (const tag of api.tags) {
    const operations = sections.get(tag.name);
    main.push(el("section", { id: tag.name }, el("h2", {}, tag.name),
      el("div", { className: "about" }, prose(tag.description)),
      operations.map((one) => operationOf(...one))));
    nav.push(el("strong", {}, el("a", { href: `#${tag.name}` }, tag.name)), el("ul", {}, operations.map(
      ([, , one]) => el("li", {}, el("a", { href: `#${one.operationId}` }, one.operationId)))));
  }
  $("main").replaceChildren(...main);
  $("nav").replaceChildren(...nav);
}

function filter() {
  const words = $("find").value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const details of document.querySelectorAll(".operation")) {
    details.hidden = !words.every((word) => details.dataset.text.includes(word));
    const link = document.querySelector(`nav a[href="#${details.id}"]`);
    if (link) link.parentElement.hidden = details.hidden;
  }
}

function follow() {
  const target = location.hash && $(decodeURIComponent(location.hash.slice(1)));
  if (target && target.classList.contains("operation")) {
    target.hidden = false;
    target.open = true;
    target.querySelector("summary").focus({ preventScroll: true });
  }
  if (target) target.scrollIntoView();
}

const KEPT = "aftercare.token";
$("token").value = sessionStorage.getItem(KEPT) || "";
$("token").addEventListener("input", () => sessionStorage.setItem(KEPT, $("token").value));
$("access").addEventListener("submit", (event) => event.preventDefault());
$("find").addEventListener("input", filter);
addEventListener("hashchange", follow);
fetch("/openapi.json").then((response) => response.json()).then((document) => {
  api = document;
  build();
  follow();
}).catch((error) => { $("state").textContent = `The document could not be read: ${error}`; });
