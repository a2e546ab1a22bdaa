import { useState } from "react";
import { plainOf } from "./text";

/**
 * Picture draws an image, or says what it shows: the page loads nothing from
 * other hosts, so most pictures of a card are named rather than shown.
 */
export function Picture({ of, small }: { of: Record<string, unknown>; small?: boolean }) {
  const [failed, setFailed] = useState(false);
  const url = typeof of.image_url === "string" ? of.image_url : "";
  const alt = typeof of.alt_text === "string" ? of.alt_text : "";
  const local = url !== "" && sameOrigin(url);
  const title = plainOf(of.title);
  return (
    <figure className={small ? "picture small" : "picture"}>
      {title && <figcaption>{title}</figcaption>}
      {local && !failed ? (
        <img src={url} alt={alt} loading="lazy" onError={() => setFailed(true)} />
      ) : (
        <div className="picture-missing" role="img" aria-label={alt || "Image"} title={url}>
          {alt || "Image"}
          {!small && <small>not loaded: the playground fetches nothing from elsewhere</small>}
        </div>
      )}
    </figure>
  );
}

function sameOrigin(url: string): boolean {
  try {
    return new URL(url, location.href).origin === location.origin;
  } catch {
    return false;
  }
}
