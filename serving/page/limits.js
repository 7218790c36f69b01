// What the model says of its own limits, in words: beside the probabilities, never instead of them.

import { percent } from "./numbers.js";

/** Null: there is no answer. A model that cannot tell says nothing. */
export function tellLimits(line, answer) {
  line.textContent = answer ? [seen(answer), left(answer)].filter(Boolean).join(" ") : "";
  line.classList.toggle("unknown", answer?.known === false);
}

function seen({ known, familiarity }) {
  if (known === false) return "This does not look like anything it has seen: its probabilities say little.";
  if (known === true) return `It looks familiar: more so than ${percent(familiarity)} of the pictures it was checked with.`;
  return "";
}

function left({ set }) {
  if (!set) return "";
  if (set.length === 0) return "No class is as probable as the right one usually is.";
  if (set.length === 1) return `Only ${set[0]} cannot be excluded.`;
  return `Cannot be excluded: ${set.join(", ")}.`;
}
