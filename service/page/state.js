// In what state the page is, in one place: body[data-state], the line that is read aloud, and the notice in its stead.

import { byId } from "./elements.js";
import { forgetToken, hasToken } from "./api.js";

const AGAIN_SECONDS = 5;
const TRAIN = `python -m trainer train -i config/input_files.csv -m config/models.json \\
  -o output_files/output.csv -d models
python -m service --models models`;
const NOTICES = {
  token: {
    title: "A token is needed",
    text: "This service answers only those who have its token. Its administrator set it (token_file).",
  },
  "not-ready": {
    title: "No model is loaded yet",
    text:
      "The service runs, but has no usable bundle. Train one from recorded jobs, into the folder that the " +
      "service reads; this page goes on by itself.",
    command: TRAIN,
  },
  error: { title: "The service cannot be asked", text: "" },
};
let timer = 0;

/** Say a sentence to those who look and to those who listen. */
export function say(text) {
  const status = byId("status");
  if (status.textContent !== text) status.textContent = text;
}

/** loading, ready, empty, or, without a notice, error. */
export function setState(state) {
  document.body.dataset.state = state;
}

/** Show that an answer takes a while, or that it is there. */
export function setWaiting(isWaiting) {
  byId("main").setAttribute("aria-busy", String(isWaiting));
  if (isWaiting) say("The service is at work …");
}

export function hideNotice() {
  clearTimeout(timer);
  byId("notice").hidden = true;
  byId("loading").hidden = true;
}

export function isBlocked() {
  return !byId("notice").hidden || !byId("loading").hidden;
}

/** Put a notice in the place of all views, with what to do; `again` is called until the service answers. */
export function block(refused, again) {
  const state = refused.status === 401 ? "token" : refused.code === "not_ready" ? "not-ready" : "error";
  const notice = NOTICES[state];
  const isWrong = state === "token" && hasToken();
  if (isWrong) forgetToken();
  const isNew = byId("notice").hidden || document.body.dataset.state !== state;
  setState(state);
  fill(state, isWrong ? { ...notice, title: "This is not the token" } : notice, refused);
  if (isNew || isWrong) byId(state === "token" ? "token" : "notice-title").focus();
  byId("notice-again").onclick = again;
  clearTimeout(timer);
  if (state !== "token") timer = setTimeout(again, AGAIN_SECONDS * 1000);
}

function fill(state, notice, refused) {
  byId("notice").hidden = false;
  byId("loading").hidden = true;
  document.querySelectorAll("main > section:not(#notice)").forEach((view) => (view.hidden = true));
  byId("notice-title").textContent = notice.title;
  byId("notice-text").textContent = notice.text || refused.message;
  byId("notice-command").textContent = notice.command ?? "";
  byId("notice-command").hidden = !notice.command;
  byId("token-form").hidden = state !== "token";
  byId("notice-again").hidden = state === "token";
  say(notice.title);
}
