import { FaultProxy } from '../pod/support/faultProxy.ts';

/** The delaying proxy as a process of its own, so that it does not share an event loop with what is measured. */
async function main(): Promise<void> {
  const [target, roundTripMs, bytesPerS] = process.argv.slice(2).map(Number);
  const proxy = await FaultProxy.start(target ?? 0, { roundTripMs: roundTripMs ?? 0, bytesPerS: bytesPerS ?? 0 });
  process.send?.(proxy.port);
  process.on('disconnect', () => process.exit());
}
void main();
