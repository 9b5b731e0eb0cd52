/** Who there is. With authentication this comes from the identity provider, and from the main application. */
export interface Member {
  id: string;
  name: string;
  role: string;
  hue: number;
}

export const organization = { id: "acme", name: "Acme Cooperative" };

export const members: Member[] = [
  { id: "ada", name: "Ada Lindqvist", role: "Chair", hue: 262 },
  { id: "grace", name: "Grace Okafor", role: "Treasurer", hue: 168 },
  { id: "noor", name: "Noor Haddad", role: "Events", hue: 28 },
  { id: "tomas", name: "Tomás Rivera", role: "Membership", hue: 212 },
  { id: "mei", name: "Mei Tanaka", role: "Communications", hue: 336 },
];

export function memberOf(id: string): Member {
  return members.find((member) => member.id === id) ?? { id, name: id, role: "Guest", hue: 220 };
}
