import { isAlias, isMap, isScalar, isSeq, type Pair, parseDocument, Scalar } from 'yaml';
import { type Path, type Position, type Problem, pointerOf } from '../check/problem.ts';
import { type Environment, interpolate } from './interpolate.ts';
import { positionsIn } from './lines.ts';
import { explainSyntax } from './syntax.ts';

/** Where a value stands, and how it is written when variables made it. */
export interface Place {
  readonly key?: Position;
  readonly value: Position;
  /** The text as written, where interpolation changed it: what may be shown instead of the value. */
  readonly written?: string;
}

/** A variable that a value needs and that is not set. */
interface MissingVariable extends Position {
  readonly path: Path;
  readonly variable: string;
}

/** A YAML file as plain values, with the place of each (by JSON pointer). */
export interface ConfigDocument {
  readonly value: unknown;
  readonly places: ReadonlyMap<string, Place>;
  readonly missing: readonly MissingVariable[];
  /** Errors of syntax and of interpolation. */
  readonly problems: readonly Problem[];
}

/** Far more than any configuration, far less than what aliases of aliases can grow to. */
const mostValues = 100_000;

/**
 * Reads YAML 1.2 into plain values and puts variables into its texts. An unquoted text of variables that
 * comes out as `true` or `false` is a boolean, as it would be had it been written there.
 */
export const readDocument = (text: string, env: Environment): ConfigDocument => {
  const document = parseDocument(text, { prettyErrors: false });
  const positionAt = positionsIn(text);
  const problems: Problem[] = firstOfEachLine(
    [...document.errors, ...document.warnings].map((error) => ({
      ...positionAt(error.pos[0]),
      message: explainSyntax(error.code),
    })),
  );
  const places = new Map<string, Place>();
  const missing: MissingVariable[] = [];
  // The structure of a file that is not YAML is a guess: say what is wrong with the syntax, and no more.
  if (problems.length > 0) return { value: undefined, places, missing, problems };

  let values = 0;
  const open = new Set<unknown>();
  const positionOf = (node: unknown): Position => {
    const range = (node as { range?: readonly number[] | null } | null)?.range;
    return positionAt(range?.[0] ?? 0);
  };

  const readScalar = (node: Scalar, path: Path, at: Position, key: Position | undefined): unknown => {
    // A tag such as !!binary makes something that is no plain value.
    if (typeof node.value === 'object' && node.value !== null) {
      problems.push({ ...at, message: explainSyntax('TAG_RESOLVE_FAILED') });
      return null;
    }
    if (typeof node.value !== 'string') return node.value;
    const result = interpolate(node.value, env);
    if (result.malformed !== undefined) problems.push({ ...at, message: result.malformed });
    for (const variable of result.missing) missing.push({ ...at, path, variable });
    if (result.text === node.value) return node.value;
    places.set(pointerOf(path), { ...(key && { key }), value: at, written: node.value });
    const plain = node.type === Scalar.PLAIN;
    return plain && /^(true|false)$/.test(result.text) ? result.text === 'true' : result.text;
  };

  const read = (node: unknown, path: Path, key?: Position): unknown => {
    const at = positionOf(node);
    places.set(pointerOf(path), { ...(key && { key }), value: at });
    const target = isAlias(node) ? node.resolve(document) : node;
    values += 1;
    if (values > mostValues || open.has(target)) {
      if (values <= mostValues + 1) problems.push({ ...at, message: 'aliases make this value endless' });
      values = mostValues + 1;
      return null;
    }
    if (target === undefined) problems.push({ ...at, message: explainSyntax('BAD_ALIAS') });
    if (isScalar(target)) return readScalar(target, path, at, key);
    if (!isSeq(target) && !isMap(target)) return null;
    open.add(target);
    const result = isSeq(target)
      ? target.items.map((item, index) => read(item, [...path, index]))
      : Object.fromEntries(target.items.flatMap((pair) => readPair(pair, path)));
    open.delete(target);
    return result;
  };

  const readPair = ({ key, value }: Pair, path: Path): [string, unknown][] => {
    const at = positionOf(key);
    if (!isScalar(key) || key.value === null) {
      problems.push({ ...at, message: explainSyntax('NON_STRING_KEY') });
      return [];
    }
    const name = key.source ?? String(key.value);
    // `core:` with nothing after it has no node of its own: its place is the key's.
    if (value === null) places.set(pointerOf([...path, name]), { key: at, value: at });
    return [[name, value === null ? null : read(value, [...path, name], at)]];
  };

  const value = document.contents === null ? null : read(document.contents, []);
  return { value, places, missing, problems };
};

/** One mistake makes the parser stumble again and again after it: only the first of each line helps. */
const firstOfEachLine = (problems: readonly Problem[]): Problem[] => [
  ...new Map(problems.toReversed().map((problem) => [problem.line, problem])).values(),
];

/** The place of a value, or of the nearest thing around it that has one. */
export const placeOf = (places: ReadonlyMap<string, Place>, path: Path): Place => {
  for (let length = path.length; length >= 0; length--) {
    const place = places.get(pointerOf(path.slice(0, length)));
    if (place) return place;
  }
  return { value: { line: 1, column: 1 } };
};
