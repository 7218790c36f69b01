// The OpenAPI document of this server, as a page: no library, nothing from elsewhere.

const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};
const code = (text) => make("code", {}, text);
const resolve = (document_, node) =>
  node?.$ref ? node.$ref.slice(2).split("/").reduce((at, key) => at[key], document_) : node;

const table = (heads, rows) =>
  make("table", {},
    make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", {}, head)))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((cell) => make("td", {}, cell))))));

const bodies = (content) =>
  Object.entries(content ?? {}).map(([type, { schema }]) => [
    code(type),
    schema?.$ref ? make("a", { href: "#" + schema.$ref.split("/").pop() }, schema.$ref.split("/").pop())
      : schema?.description ?? "",
  ]);

const operation = (api, path, method, details) => {
  const box = make("details", {},
    make("summary", {},
      make("span", { className: `method ${method}` }, method.toUpperCase()), " ",
      code(path), " ", make("span", {}, details.summary)));
  if (details.description) box.append(make("p", {}, details.description));
  if (details.parameters) {
    box.append(make("h4", {}, "Parameters"), table(["name", "in", "meaning"],
      details.parameters.map((one) => [code(one.name), one.in, one.description ?? ""])));
  }
  if (details.requestBody) {
    box.append(make("h4", {}, "Body, one of"), table(["Content-Type", "schema"], bodies(details.requestBody.content)));
  }
  box.append(make("h4", {}, "Replies"), table(["status", "meaning"],
    Object.entries(details.responses).map(([status, reply]) => [code(status), resolve(api, reply).description])));
  return box;
};

const api = await (await fetch("/openapi.json")).json();
document.title = document.getElementById("title").textContent = api.info.title + ": HTTP interface";
document.getElementById("summary").textContent = `${api.info.summary} ${api.info.description}`;
document.getElementById("try").textContent =
  `curl --data-binary @digit.png -H 'Content-Type: image/png' ${location.origin}/predict\n\n` +
  `curl -H 'Content-Type: application/json' -d '{"images": [[0, 255, …], …]}' '${location.origin}/predict?top_k=3'`;

for (const tag of api.tags) {
  const section = make("section", {}, make("h2", {}, tag.name), make("p", {}, tag.description));
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, details] of Object.entries(methods)) {
      if (details.tags.includes(tag.name)) section.append(operation(api, path, method, details));
    }
  }
  document.getElementById("paths").append(section);
}
for (const [name, schema] of Object.entries(api.components.schemas)) {
  document.getElementById("schemas").append(
    make("details", { id: name }, make("summary", {}, code(name)),
      make("pre", {}, JSON.stringify(schema, null, 1))));
}
addEventListener("hashchange", () => {
  const target = document.getElementById(location.hash.slice(1));
  if (target) target.open = true;
});
