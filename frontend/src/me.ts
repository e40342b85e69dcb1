/** Who is signed in, and what that role may do. */

export type Role = "viewer" | "operator" | "admin";

export interface Me {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
}

const RANKS: Readonly<Record<Role, number>> = { viewer: 0, operator: 1, admin: 2 };

export function includes(role: Role, needed: Role): boolean {
  return RANKS[role] >= RANKS[needed];
}

/** Where the API asks nobody for a key, everybody is this one. */
export function needsNoKey({ id }: Me): boolean {
  return id === "local";
}
