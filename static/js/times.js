// Times are sent in UTC, readable as they are; here they become the reader's own.
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const near = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

function ago(moment) {
  const seconds = (Date.now() - moment.getTime()) / 1000;
  if (seconds < MINUTE) return "just now";
  if (seconds < HOUR) return near.format(-Math.round(seconds / MINUTE), "minute");
  if (seconds < DAY) return near.format(-Math.round(seconds / HOUR), "hour");
  if (seconds < 7 * DAY) return near.format(-Math.round(seconds / DAY), "day");
  return moment.toLocaleDateString("en", { day: "numeric", month: "short", year: "numeric" });
}

function clock(moment) {
  const time = moment.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  if (moment.toDateString() === new Date().toDateString()) return time;
  return `${moment.toLocaleDateString("en-GB", { day: "numeric", month: "short" })}, ${time}`;
}

const day = (moment) => moment.toLocaleDateString("en-GB", { day: "numeric", month: "long" });
const SHAPES = { ago, time: clock, date: day };

export function localTimes(root) {
  for (const element of root.querySelectorAll("time[data-local]")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    element.title = moment.toLocaleString("en-GB");
    element.textContent = SHAPES[element.dataset.local](moment);
  }
}
