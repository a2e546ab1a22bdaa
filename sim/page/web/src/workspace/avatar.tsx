import { memo } from "react";

const hues = 8;

/** Avatar is a person's initials on a colour of their own; it says nothing that the name does not. */
export const Avatar = memo(function Avatar({ id, name, bot, size }: { id: string; name: string; bot?: boolean; size?: "small" }) {
  if (bot) {
    return (
      <span className={size ? "avatar app small" : "avatar app"} aria-hidden="true">
        <svg viewBox="0 0 20 20">
          <path d="M4 6h7M4 10h7M4 14h4" />
          <path d="M12 14h5m-2-2.2L17 14l-2 2.2" />
        </svg>
      </span>
    );
  }
  let sum = 0;
  for (const c of id) sum = (sum * 31 + c.charCodeAt(0)) % 997;
  const initials = name.split(/\s+/).map((w) => w[0] ?? "").slice(0, 2).join("").toUpperCase();
  return (
    <span className={`avatar hue-${sum % hues}${size ? " small" : ""}`} aria-hidden="true">
      {initials}
    </span>
  );
});
