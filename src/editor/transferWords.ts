import { bytes } from '../core/amounts.ts';
import { Pace } from '../core/pace.ts';
import type { TransferProgress } from '../pod/pod.ts';

/** Says how far one transfer is and how fast it goes: the words, and the part that is done from 0 to 1. */
export function transferWords(now: () => number = () => performance.now()): (progress: TransferProgress) => [string, number] {
  const pace = new Pace();
  return ({ bytesDone, bytesTotal }) => {
    const perSecond = pace.perSecond(bytesDone, now());
    const rate = perSecond === undefined ? '' : `, ${bytes(perSecond)}/s`;
    return [`${bytes(bytesDone)} of ${bytes(bytesTotal)}${rate}`, bytesTotal === 0 ? 1 : bytesDone / bytesTotal];
  };
}
