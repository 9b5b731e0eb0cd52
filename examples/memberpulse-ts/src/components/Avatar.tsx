import type { Member } from "../members";

export function Avatar({ member, online, size = 36 }: { member: Member; online?: boolean; size?: number }) {
  const initials = member.name
    .split(" ")
    .map((word) => word[0]!.toUpperCase())
    .slice(0, 2)
    .join("");
  return (
    <span className="avatar" style={{ "--hue": member.hue, "--size": `${size}px` } as React.CSSProperties} aria-hidden="true">
      {initials}
      {online !== undefined && <span className={online ? "presence-dot online" : "presence-dot"} />}
    </span>
  );
}
