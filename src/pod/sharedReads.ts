import { connect, type Socket } from 'node:net';

/** A read takes as much as has come, up to this. */
const readBytes = 256 * 1024;

/** A socket that stands still until somebody listens and resumes it. */
export interface SharedReads {
  readonly socket: Socket;
  /** Whether from here on all its chunks lie in the same memory, good until the next one comes. */
  readonly share: (isShared: boolean) => void;
}

/**
 * Opens a socket for much traffic: a new piece of memory for each chunk would be half of what the collector has to do
 * while a large file comes. What comes until it is told to share is copied, since ssh2 keeps some of it while the first keys are exchanged.
 */
export function openSharedReads(host: string, port: number): SharedReads {
  const buffer = Buffer.allocUnsafeSlow(readBytes);
  let isShared = false;
  const callback = (bytes: number) => {
    const chunk = buffer.subarray(0, bytes);
    socket.emit('data', isShared ? chunk : Buffer.from(chunk));
    return true;
  };
  // No Nagle: a request is small and its answer is waited for.
  const socket = connect({ host, port, noDelay: true, onread: { buffer, callback } });
  socket.pause();
  return { socket, share: (now) => void (isShared = now) };
}
