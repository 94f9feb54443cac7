import { createCipheriv, createDecipheriv, randomFillSync, type CipherGCM, type CipherGCMTypes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { Client } from 'ssh2';

/**
 * ssh2's AES-GCM in pure JavaScript, done again with a third of the work: it asks the system for each packet's padding, allocates
 * each packet twice, and writes it to the socket in three pieces. A large file is some ten thousand packets, and the
 * processor is what limits it over a short way.
 *
 * The keys, counters and sequence numbers stay where ssh2 keeps them. These fields are its own affair, so whatever does not
 * look as it did in 1.17 is left as it is: slower and right.
 */
interface Outbound {
  readonly _encSSLName: CipherGCMTypes;
  readonly _encKey: Buffer;
  readonly _encIV: Buffer;
  readonly _dead: boolean;
  readonly _onWrite: (data: Uint8Array) => void;
  outSeqno: number;
  allocPacket: (payloadBytes: number) => Buffer;
  encrypt: (packet: Buffer) => void;
}

interface Inbound {
  readonly _decipherSSLName: CipherGCMTypes;
  readonly _decipherKey: Buffer;
  readonly _decipherIV: Buffer;
  readonly _onPayload: (payload: Buffer) => number | false | undefined;
  /** Of the packet that it is in the middle of. */
  readonly _lenBytes: number;
  inSeqno: number;
  decrypt: (data: Buffer, at: number, end: number) => number | undefined;
}

const blockBytes = 16;
const tagBytes = 16;
const lengthBytes = 4;
/** Of a packet, by RFC 4253, 6.1; ssh2 takes no longer ones. */
const longestPacket = 35_000;

/**
 * To be called when a connection is made, before anything else is done over it; holds after a new exchange of keys as well.
 *
 * @param onInbound told each time whether what comes is taken apart here, where nothing of a chunk is kept
 */
export function hastenAesGcm(client: Client, stream: Duplex, onInbound: (isOurs: boolean) => void): void {
  const hasten = () => {
    const protocol = (client as unknown as { readonly _protocol?: { readonly _cipher?: unknown; readonly _decipher?: unknown } })._protocol;
    if (isOutbound(protocol?._cipher)) hastenOutbound(protocol._cipher, stream);
    const isOurs = isInbound(protocol?._decipher);
    if (isOurs) hastenInbound(protocol?._decipher);
    onInbound(isOurs);
  };
  hasten();
  client.on('handshake', hasten);
}

function isOutbound(value: unknown): value is Outbound {
  const cipher = value as Partial<Outbound> | null | undefined;
  return (
    isGcm(cipher?._encSSLName, cipher?._encKey, cipher?._encIV) &&
    typeof cipher?._onWrite === 'function' &&
    typeof cipher.outSeqno === 'number' &&
    typeof cipher.allocPacket === 'function' &&
    typeof cipher.encrypt === 'function'
  );
}

function isInbound(value: unknown): value is Inbound {
  const decipher = value as Partial<Inbound> | null | undefined;
  return (
    isGcm(decipher?._decipherSSLName, decipher?._decipherKey, decipher?._decipherIV) &&
    typeof decipher?._onPayload === 'function' &&
    typeof decipher.inSeqno === 'number' &&
    typeof decipher.decrypt === 'function' &&
    decipher._lenBytes === 0
  );
}

function isGcm(name: unknown, key: unknown, iv: unknown): boolean {
  return typeof name === 'string' && /^aes-\d+-gcm$/.test(name) && Buffer.isBuffer(key) && Buffer.isBuffer(iv) && iv.length === 12;
}

function hastenOutbound(cipher: Outbound, stream: Duplex): void {
  const random = new RandomBytes();
  // One packet is complete before the next is begun, and is copied when it is encrypted.
  let memory = Buffer.alloc(0);
  cipher.allocPacket = (payloadBytes) => {
    const unpadded = 1 + payloadBytes;
    let padding = blockBytes - (unpadded % blockBytes);
    if (padding < 4) padding += blockBytes;
    const packetBytes = lengthBytes + unpadded + padding;
    if (packetBytes > memory.length) memory = Buffer.allocUnsafeSlow(packetBytes);
    const packet = memory.subarray(0, packetBytes);
    packet.writeUInt32BE(unpadded + padding, 0);
    packet[lengthBytes] = padding;
    random.fill(packet, lengthBytes + unpadded);
    return packet;
  };

  const { _encSSLName: name, _encKey: key, _encIV: iv } = cipher;
  const together = writeTogether(stream);
  cipher.encrypt = (packet) => {
    if (cipher._dead) return;
    together();
    const gcm: CipherGCM = createCipheriv(name, key, iv);
    const length = Buffer.from(packet.subarray(0, lengthBytes));
    gcm.setAAD(length);
    cipher._onWrite(length);
    cipher._onWrite(gcm.update(packet.subarray(lengthBytes)));
    gcm.final();
    cipher._onWrite(gcm.getAuthTag());
    increment(iv);
    cipher.outSeqno = (cipher.outSeqno + 1) >>> 0;
  };
}

/** What is written in one go of the event loop reaches the system by one call. */
function writeTogether(stream: Duplex): () => void {
  let isHeld = false;
  return () => {
    if (isHeld) return;
    isHeld = true;
    stream.cork();
    process.nextTick(() => {
      isHeld = false;
      stream.uncork();
    });
  };
}

function hastenInbound(decipher: Inbound): void {
  const { _decipherSSLName: name, _decipherKey: key, _decipherIV: iv } = decipher;
  const open = (data: Buffer, at: number, packetBytes: number): Buffer => {
    const gcm = createDecipheriv(name, key, iv);
    gcm.setAAD(data.subarray(at, at + lengthBytes));
    const tagAt = at + lengthBytes + packetBytes;
    const packet = gcm.update(data.subarray(at + lengthBytes, tagAt));
    gcm.setAuthTag(data.subarray(tagAt, tagAt + tagBytes));
    gcm.final();
    increment(iv);
    decipher.inSeqno = (decipher.inSeqno + 1) >>> 0;
    const padding = packet[0] ?? 0;
    if (padding < 4 || padding >= packet.length) throw new Error('Bad padding'); // RFC 4253, 6
    return packet.subarray(1, packet.length - padding);
  };

  // After a packet that is not authentic nothing is read any more, so that nobody has a second guess at the same counter.
  let failure: Error | undefined;
  decipher.decrypt = (data, start, end) => {
    if (failure) throw failure;
    try {
      return take(data, start, end);
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
      throw failure;
    }
  };

  // The beginning of a packet whose end has not come yet.
  const begun = Buffer.allocUnsafeSlow(longestPacket);
  let begunBytes = 0;
  const take = (data: Buffer, start: number, end: number): number | undefined => {
    for (let at = start; at < end;) {
      let payload: Buffer;
      const wanted = begunBytes === 0 ? wholeLength(data, at, end) : 0;
      if (wanted > 0 && wanted <= end - at) {
        payload = open(data, at, wanted - lengthBytes - tagBytes);
        at += wanted;
      } else {
        const more = (until: number) => {
          const bytes = data.copy(begun, begunBytes, at, Math.min(end, at + until - begunBytes));
          begunBytes += bytes;
          at += bytes;
          return begunBytes === until;
        };
        if (begunBytes < lengthBytes && !more(lengthBytes)) return undefined;
        const whole = wholeLength(begun, 0, begunBytes);
        if (!more(whole)) return undefined;
        payload = open(begun, 0, whole - lengthBytes - tagBytes);
        begunBytes = 0;
      }
      const next = decipher._onPayload(payload);
      if (next !== undefined) return next === false ? at : next;
    }
    return undefined;
  };
}

/** @returns the bytes of the whole packet that begins there, or 0 when not even its length has come */
function wholeLength(data: Buffer, at: number, end: number): number {
  if (end - at < lengthBytes) return 0;
  const bytes = data.readUInt32BE(at);
  if (bytes + lengthBytes + tagBytes > longestPacket || bytes < blockBytes || bytes % blockBytes !== 0)
    throw new Error('Bad packet length');
  return lengthBytes + bytes + tagBytes;
}

/** The invocation counter of RFC 5647, 7.1: the last eight bytes. */
function increment(iv: Buffer): void {
  for (let index = 11; index > 3; index--) {
    const next = ((iv[index] ?? 0) + 1) & 0xff;
    iv[index] = next;
    if (next !== 0) return;
  }
}

/** Asks the system for some thousand at a time. */
class RandomBytes {
  private readonly pool = Buffer.allocUnsafeSlow(4096);
  private used = this.pool.length;

  fill(into: Buffer, from: number): void {
    const bytes = into.length - from;
    if (this.used + bytes > this.pool.length) {
      randomFillSync(this.pool);
      this.used = 0;
    }
    this.pool.copy(into, from, this.used, this.used + bytes);
    this.used += bytes;
  }
}
