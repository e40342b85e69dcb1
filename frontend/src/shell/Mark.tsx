/** Three jobs in line, and the next one due. */
export function Mark() {
  return (
    <svg className="size-6 shrink-0" viewBox="0 0 32 32" aria-hidden="true">
      <rect className="fill-accent" width="32" height="32" rx="8" />
      <path className="stroke-on-accent" d="M7 10h10M11 16h10M15 22h6" fill="none" strokeWidth="3.2" strokeLinecap="round" />
      <circle className="fill-on-accent" cx="25" cy="22" r="2.2" />
    </svg>
  );
}
