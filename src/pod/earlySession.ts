import type { Client, ClientChannel } from 'ssh2';

/** What ssh2 does in `Client.exec`, as far as it is needed here; its own affair, so it is looked at before it is used. */
interface Inside {
  readonly _chanMgr: { add(onOpen: OnOpen): number };
  readonly _protocol: { session(id: number, windowBytes: number, packetBytes: number): void; exec: Exec };
}
type OnOpen = ((error: Error | undefined, channel: Opened) => void) & { type?: string };
type Exec = (id: number, command: string, wantsReply: boolean) => void;
interface Opened extends ClientChannel {
  readonly outgoing: { readonly id: number };
  readonly _callbacks: ((failure: unknown) => void)[];
  subtype?: ClientChannel['subtype'];
}

/** ssh2 counts with these, whatever was said when the channel was opened. */
const windowBytes = 2 * 1024 * 1024;
const packetBytes = 32 * 1024;

/**
 * Starts a command in a session of its own, as `client.exec` does, but hands out the channel when it is open and not a round
 * trip later, when the server has said that the command was started: it reads what it is sent in order, so what is written
 * meanwhile is the command's. When it was not started the channel just ends.
 */
export function startEarly(client: Client, command: string, done: (error: Error | undefined, channel: ClientChannel) => void): void {
  if (!isInside(client)) {
    client.exec(command, done);
    return;
  }
  const { _chanMgr: channels, _protocol: protocol } = client;
  const onOpen: OnOpen = (error, channel) => {
    if (error) return done(error, channel);
    channel._callbacks.push((failure) => {
      if (failure) channel.close();
    });
    channel.subtype = 'exec';
    protocol.exec(channel.outgoing.id, command, true);
    done(undefined, channel);
  };
  onOpen.type = 'session';
  const id = channels.add(onOpen);
  if (id < 0) throw new Error('No free channels available');
  protocol.session(id, windowBytes, packetBytes);
}

function isInside(client: unknown): client is Inside {
  const { _chanMgr: channels, _protocol: protocol } = client as { readonly [Name in keyof Inside]?: Partial<Inside[Name]> };
  return typeof channels?.add === 'function' && typeof protocol?.session === 'function' && typeof protocol.exec === 'function';
}
