// The page of aiart: sends pictures to the service that it came from, and shows what that says.
"use strict";

const MOST = 32 * 2 ** 20; // bytes of a picture, as the service has it
const AT_ONCE = 2;
const PATIENCE = 1000; // milliseconds, until a busy service is asked again, or the camera
const VERDICTS = { ai: "Looks made by AI", human: "Looks made by a human", unsure: "Cannot tell" };
const COLUMNS = [
  "path", "verdict", "p_ai", "label", "model", "reason", "origin_says", "origin_by", "origin_certainty",
  "left_out", "error", "kind", "sha256", "model_version", "model_sha256",
];

const find = (id) => document.getElementById(id);
const pictures = []; // { file, card, url, answer }
let waiting = [];
let atWork = 0;
let band = null; // of the probability, in which the network is unsure
let watch = null; // of the camera, the one that goes on

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// In and out

async function ask(file) {
  if (file.size > MOST) return { error: "The picture has more than 32 MB." };
  const form = new FormData();
  form.append("file", file);
  try {
    const response = await fetch("/v1/explain", { method: "POST", body: form });
    if (response.status === 401) location.assign("/login");
    if (response.status === 503) {
      await wait(PATIENCE);
      return ask(file);
    }
    return await response.json();
  } catch {
    return { error: "The service cannot be reached, or the file cannot be read." };
  }
}

async function work() {
  if (atWork >= AT_ONCE || !waiting.length) return;
  atWork += 1;
  const picture = waiting.shift();
  const answer = await ask(picture.file);
  atWork -= 1;
  if (pictures.includes(picture)) {
    picture.answer = answer;
    await show(picture);
    sort();
    tell();
  }
  work();
}

function lay(file) {
  const card = find("card").content.firstElementChild.cloneNode(true);
  const url = URL.createObjectURL(file);
  const image = card.querySelector("img");
  image.addEventListener("error", () => { image.hidden = true; }); // of a format that it does not know
  image.src = url;
  card.classList.add("waiting");
  card.querySelector(".name").textContent = file.name;
  return { file, card, url, answer: null };
}

async function add(files) {
  for (const file of files) {
    const picture = lay(file);
    find("list").append(picture.card);
    pictures.push(picture);
    waiting.push(picture);
  }
  find("results").hidden = !pictures.length;
  tell();
  for (let count = 0; count < AT_ONCE; count += 1) work();
}

function clear() {
  for (const { url } of pictures) URL.revokeObjectURL(url);
  pictures.length = 0;
  waiting = [];
  find("list").replaceChildren();
  find("results").hidden = true;
  tell();
  find("choose").focus();
}

// The camera

async function look() {
  try {
    const response = await fetch("/v1/camera/frame");
    if (response.status === 401) location.assign("/login");
    if (!response.ok) return await response.json();
    return { file: new File([await response.blob()], "The camera, now") };
  } catch {
    return { error: "The service cannot be reached." };
  }
}

async function watchCamera() {
  const mine = {};
  watch = mine;
  let shown = null;
  while (watch === mine) {
    const pause = wait(PATIENCE);
    const { file, error } = await look();
    const before = shown;
    shown = file ? lay(file) : null;
    if (shown) {
      shown.answer = await ask(file);
      await show(shown);
      const image = shown.card.querySelector("img");
      image.loading = "eager";
      await image.decode().catch(() => {});
    }
    if (watch === mine) {
      find("blind").textContent = error ?? "";
      find("live").replaceChildren(...(shown ? [shown.card] : []));
    }
    if (before) URL.revokeObjectURL(before.url);
    await pause;
  }
  if (shown) URL.revokeObjectURL(shown.url);
}

function stopCamera() {
  watch = null;
  find("blind").textContent = "";
  find("live").replaceChildren();
}

async function findCamera() {
  const { available } = await (await fetch("/v1/camera")).json();
  find("camera").hidden = !available;
}

// What is shown

async function readBand() {
  try {
    const { low, high } = (await (await fetch("/v1/model")).json()).decision;
    return [low, high];
  } catch {
    return [0.5, 0.5];
  }
}

async function show({ card, answer }) {
  card.classList.remove("waiting");
  const verdict = card.querySelector(".verdict");
  if (answer.verdict === undefined) {
    card.classList.add("failed");
    verdict.textContent = `No verdict: ${answer.error}`;
    return;
  }
  card.classList.add("judged");
  band ??= readBand();
  const [low, high] = await band;
  verdict.textContent = VERDICTS[answer.verdict];
  const percent = `${(100 * answer.p_ai).toFixed(0)}%`;
  const reason = answer.reason ? ` (${answer.reason})` : "";
  card.querySelector(".number").textContent = `The probability of AI is ${percent}${reason}.`;
  card.querySelector("circle").setAttribute("cx", `${100 * answer.p_ai}%`);
  card.querySelector(".band").setAttribute("x", `${100 * low}%`);
  card.querySelector(".band").setAttribute("width", `${100 * (high - low)}%`);
  card.querySelector(".probability").hidden = false;
  card.querySelector(".said").textContent = `${answer.said}.`;
  draw(card.querySelector("canvas"), answer.explanation);
}

// A place that is worth more than its even share of -intercept speaks for AI, else for human art.
function draw(canvas, { evidence, intercept }) {
  canvas.height = evidence.length;
  canvas.width = evidence[0].length;
  const shares = evidence.flat();
  const even = intercept / shares.length;
  const sizes = shares.map((share) => Math.abs(share + even)).sort((one, other) => one - other);
  const strong = sizes[Math.floor(0.98 * (sizes.length - 1))] || 1;
  const context = canvas.getContext("2d");
  const map = context.createImageData(canvas.width, canvas.height);
  shares.forEach((share, place) => {
    const strength = Math.min(1, Math.abs(share + even) / strong);
    const colour = share + even > 0 ? [230, 97, 1] : [5, 113, 176];
    map.data.set([...colour, 190 * strength], 4 * place);
  });
  context.putImageData(map, 0, 0);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "Where the evidence lies: orange speaks for AI, blue for human art");
}

function tell() {
  const done = pictures.filter(({ answer }) => answer);
  const number = pictures.length === 1 ? "1 picture" : `${pictures.length} pictures`;
  if (!pictures.length) {
    find("status").textContent = "";
  } else if (done.length < pictures.length) {
    find("status").textContent = `${done.length} of ${number} done.`;
  } else {
    const count = (verdict) => done.filter(({ answer }) => answer.verdict === verdict).length;
    const counts = [[count("ai"), "AI"], [count("human"), "human"], [count("unsure"), "unsure"], [count(undefined), "without a verdict"]];
    const said = counts.filter(([many]) => many).map(([many, what]) => `${many} ${what}`);
    find("status").textContent = `${number}: ${said.join(", ")}.`;
  }
}

const orders = {
  added: () => 0,
  ai: (one, other) => (other.answer?.p_ai ?? -1) - (one.answer?.p_ai ?? -1),
  human: (one, other) => (one.answer?.p_ai ?? 2) - (other.answer?.p_ai ?? 2),
  name: (one, other) => one.file.name.localeCompare(other.file.name),
};

const sorted = () => [...pictures].sort(orders[find("sort").value]);

function sort() {
  const cards = sorted().map(({ card }) => card);
  if (cards.some((card, place) => find("list").children[place] !== card)) find("list").replaceChildren(...cards);
}

// Files to keep

const records = () => sorted().flatMap(({ file, answer }) => {
  if (!answer) return [];
  const { explanation, said, ...record } = answer;
  return [{ path: file.name, ...record }];
});

// A spreadsheet takes a text that begins with = + - @ or a tab for a formula.
function cell(name, value) {
  if (value === undefined || value === null) return '""';
  if (typeof value !== "string") return String(value);
  const safe = /^[\p{L}\p{N}/._]/u.test(value) ? value : `${name === "path" ? "./" : "'"}${value}`;
  return `"${safe.replaceAll('"', '""')}"`;
}

function asTable() {
  const rows = records().map(({ origin = {}, ...record }) => {
    const said = { origin_says: origin.says, origin_by: origin.by, origin_certainty: origin.certainty };
    const row = { ...record, ...said };
    return COLUMNS.map((name) => cell(name, row[name])).join(",");
  });
  return [COLUMNS.map((name) => `"${name}"`).join(","), ...rows, ""].join("\n");
}

function save(name, kind, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: kind }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), PATIENCE);
}

// What a person does

for (const id of ["choose", "photograph"]) {
  find(id).addEventListener("change", ({ target }) => {
    add([...target.files]);
    target.value = "";
  });
}
document.addEventListener("paste", ({ clipboardData }) => add([...clipboardData.files]));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  find("add").classList.add("over");
});
document.addEventListener("dragleave", ({ relatedTarget }) => {
  if (!relatedTarget) find("add").classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  find("add").classList.remove("over");
  add([...event.dataTransfer.files]);
});
find("watch").addEventListener("click", ({ target }) => {
  const starts = watch === null;
  target.setAttribute("aria-pressed", starts);
  if (starts) watchCamera();
  else stopCamera();
});
find("sort").addEventListener("change", sort);
find("where").addEventListener("change", ({ target }) => {
  find("list").classList.toggle("without-where", !target.checked);
  find("legend").hidden = !target.checked;
});
find("csv").addEventListener("click", () => save("aiart.csv", "text/csv", asTable()));
find("json").addEventListener("click", () => save("aiart.json", "application/json", `${JSON.stringify(records(), null, 1)}\n`));
find("clear").addEventListener("click", clear);
findCamera();
