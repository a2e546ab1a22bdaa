// Dates as Slack writes them for a reader: <!date^…> formats and message times,
// in the reader's time zone and against the page's virtual today.

/** Reader is whose eyes the dates are for. */
export interface Reader {
  tz: string;
  /** The virtual now, in milliseconds, good to the minute. */
  now: number;
}

const locale = "en-GB";
const formats = new Map<string, Intl.DateTimeFormat>();

/** format keeps formatters: making one costs more than using it a thousand times. */
function format(tz: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = tz + JSON.stringify(options);
  let f = formats.get(key);
  if (!f) {
    try {
      f = new Intl.DateTimeFormat(locale, { ...options, timeZone: tz });
    } catch {
      f = new Intl.DateTimeFormat(locale, { ...options, timeZone: "UTC" });
    }
    formats.set(key, f);
  }
  return f;
}

const dayMs = 86_400_000;

/** dayKey is the calendar day that a moment falls on for the reader. */
export const dayKey = (ms: number, tz: string): string =>
  format(tz, { year: "numeric", month: "2-digit", day: "2-digit" }).format(ms);

/** near is yesterday, today or tomorrow, or nothing. */
function near(ms: number, r: Reader): string | undefined {
  const day = dayKey(ms, r.tz);
  if (day === dayKey(r.now, r.tz)) return "today";
  if (day === dayKey(r.now - dayMs, r.tz)) return "yesterday";
  if (day === dayKey(r.now + dayMs, r.tz)) return "tomorrow";
  return undefined;
}

export const clockTime = (ms: number, tz: string): string =>
  format(tz, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(ms);

/** dayName heads a day's messages. */
export function dayName(ms: number, r: Reader): string {
  const word = near(ms, r);
  return word ? word[0]!.toUpperCase() + word.slice(1) : format(r.tz, { weekday: "long", day: "numeric", month: "long" }).format(ms).replace(",", "");
}

/** fullTime is a moment in full, for titles and screen readers. */
export const fullTime = (ms: number, tz: string): string =>
  format(tz, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZoneName: "short" }).format(ms);

function ago(ms: number, r: Reader): string {
  const minutes = Math.round(Math.abs(r.now - ms) / 60_000);
  const size = minutes < 60 ? [minutes, "minute"] : minutes < 1440 ? [Math.round(minutes / 60), "hour"] : [Math.round(minutes / 1440), "day"];
  const words = `${size[0]} ${size[1]}${size[0] === 1 ? "" : "s"}`;
  return ms > r.now ? `in ${words}` : `${words} ago`;
}

const parts: Record<string, (ms: number, r: Reader) => string> = {
  date_num: (ms, r) => format(r.tz, { year: "numeric", month: "2-digit", day: "2-digit" }).format(ms).split("/").reverse().join("-"),
  date_slash: (ms, r) => format(r.tz, { year: "numeric", month: "2-digit", day: "2-digit" }).format(ms),
  date: (ms, r) => format(r.tz, { day: "numeric", month: "long", year: "numeric" }).format(ms),
  date_short: (ms, r) => format(r.tz, { day: "numeric", month: "short", year: "numeric" }).format(ms),
  date_long: (ms, r) => format(r.tz, { weekday: "long", day: "numeric", month: "long", year: "numeric" }).format(ms).replace(",", ""),
  time: (ms, r) => clockTime(ms, r.tz),
  time_secs: (ms, r) => format(r.tz, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(ms),
  ago,
};

/**
 * slackDate fills in a format such as "{date_short_pretty} {time}". Like Slack,
 * it gives the fallback when the format holds a token that does not exist.
 */
export function slackDate(seconds: number, pattern: string, fallback: string, r: Reader): string {
  const ms = seconds * 1000;
  let known = true;
  const out = pattern.replace(/\{([a-z_]+)\}/g, (_, token: string) => {
    const pretty = token.endsWith("_pretty");
    const part = parts[pretty ? token.slice(0, -"_pretty".length) : token];
    if (!part || !Object.hasOwn(parts, pretty ? token.slice(0, -"_pretty".length) : token)) {
      known = false;
      return "";
    }
    return (pretty && near(ms, r)) || part(ms, r);
  });
  return known ? out : fallback;
}

/** postedMs is when a message was posted, in milliseconds of virtual time where the server tells it. */
export function postedMs(m: { ts: string; at?: string }): number {
  const told = m.at ? Date.parse(m.at) : NaN;
  return Number.isNaN(told) ? Number(m.ts) * 1000 : told;
}
