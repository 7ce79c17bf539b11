/** Cases for `it.each` with `%s` as title: vitest cuts `$what` after forty characters. */
export const named = <Case extends { readonly what: string }>(
  cases: readonly Case[],
): readonly (readonly [title: string, it: Case])[] => cases.map((one) => [one.what, one]);
