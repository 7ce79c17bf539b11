import type { Warning } from '../../../base/events.ts';
import type { BackResult, BackTarget } from '../../../copy/back/types.ts';

/**
 * What a mount was put back without. Of what goes through the engine that holds always, whether there was any of
 * it or not: then it is a mere notice.
 */
export const lostOf = (
  name: string,
  { kind }: BackTarget,
  { lost }: Pick<BackResult, 'lost'>,
): readonly Warning[] =>
  lost.length === 0
    ? []
    : [
        {
          code: 'put-back-without',
          about: name,
          message:
            kind === 'api'
              ? `${name} is put back through the engine, which keeps no ${lost.join(', no ')}`
              : `${name} is put back without its ${lost.join(', ')}: its file system does not take them`,
          ...(kind === 'api' ? { notice: true } : {}),
        },
      ];
