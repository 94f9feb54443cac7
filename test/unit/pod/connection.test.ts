import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Client } from 'ssh2';
import { Connection, SessionRefused } from '../../../src/pod/connection.ts';
import { startEarly } from '../../../src/pod/earlySession.ts';

type Done = (error: Error | undefined, channel: EventEmitter) => void;

describe('a connection', () => {
  it('learns how many sessions are granted from those that were open when one was asked for, not from those that are left', async () => {
    const asked: Done[] = [];
    const client = Object.assign(new EventEmitter(), { exec: (_command: string, _options: object, done: Done) => void asked.push(done) });
    const connection = new Connection(client as unknown as Client, 'pod', () => {});
    const channels = [0, 1, 2, 3].map(() => new EventEmitter());
    const opening = channels.map(() => connection.openSession('true'));
    channels.forEach((channel, index) => asked[index]?.(undefined, channel));
    await Promise.all(opening);
    const refused = connection.openSession('true');
    for (const channel of channels.slice(1)) channel.emit('close');
    asked[4]?.(Object.assign(new Error('open failed'), { reason: 4 }), new EventEmitter());
    await assert.rejects(refused, SessionRefused);
    assert.deepEqual([connection.sessionsOpen, connection.sessionsGranted], [1, 4]);
  });

  it('learns nothing from a refusal while the server still sweeps up after sessions that have just ended', async () => {
    const asked: Done[] = [];
    const client = Object.assign(new EventEmitter(), { exec: (_command: string, _options: object, done: Done) => void asked.push(done) });
    const connection = new Connection(client as unknown as Client, 'pod', () => {});
    const channels = Array.from({ length: 10 }, () => new EventEmitter());
    const opening = channels.map(() => connection.openSession('true'));
    channels.forEach((channel, index) => asked[index]?.(undefined, channel));
    await Promise.all(opening);
    for (const channel of channels) channel.emit('close');
    const refused = connection.openSession('true');
    asked[10]?.(Object.assign(new Error('open failed'), { reason: 4 }), new EventEmitter());
    await assert.rejects(refused, SessionRefused);
    assert.deepEqual([connection.sessionsOpen, connection.sessionsGranted], [0, 10]);
  });

  it('has a session when it is open, and the command of one that is not started ends', () => {
    const sent: string[] = [];
    const opened: Done[] = [];
    const client = {
      _chanMgr: { add: (onOpen: Done) => opened.push(onOpen) - 1 },
      _protocol: {
        session: () => sent.push('open'),
        exec: (id: number, command: string) => sent.push(`exec ${id} ${command}`),
      },
    };
    const channel = Object.assign(new EventEmitter(), {
      outgoing: { id: 7 },
      _callbacks: [] as ((failure: unknown) => void)[],
      close: () => sent.push('close'),
    });
    startEarly(client as unknown as Client, 'sh', () => sent.push('written to'));
    opened[0]?.(undefined, channel);
    assert.deepEqual(sent, ['open', 'exec 7 sh', 'written to']);
    channel._callbacks[0]?.(true);
    assert.equal(sent.at(-1), 'close');
  });

  it('has it two trips later from an ssh2 that is not as it was', () => {
    const commands: string[] = [];
    startEarly({ exec: (command: string) => commands.push(command) } as unknown as Client, 'sh', () => {});
    assert.deepEqual(commands, ['sh']);
  });
});
