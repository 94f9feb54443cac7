import { Pace } from '../core/pace.ts';
import type { TransferProgress } from '../pod/pod.ts';

/** Says how far one transfer is and how fast it goes: the words, and the part that is done from 0 to 1. */
export function transferWords(now: () => number = () => performance.now()): (progress: TransferProgress) => [string, number] {
  const pace = new Pace();
  const mb = (bytes: number) => (bytes / 1e6).toFixed(1);
  return ({ bytesDone, bytesTotal }) => {
    const perSecond = pace.perSecond(bytesDone, now());
    const rate = perSecond === undefined ? '' : `, ${mb(perSecond)} MB/s`;
    return [`${mb(bytesDone)} of ${mb(bytesTotal)} MB${rate}`, bytesTotal === 0 ? 1 : bytesDone / bytesTotal];
  };
}
