import { useState } from "react";

/** The first part of a long list, growing on demand: a page of ten thousand rows is slow and nobody reads it. */
export function usePage<T>(items: readonly T[], size: number) {
  const [limit, setLimit] = useState(size);
  return { shown: items.slice(0, limit), rest: Math.max(0, items.length - limit), more: () => setLimit(limit + size) };
}
