import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CommandId,
  commands,
  contextKeys,
  customEditors,
  settings,
  untrustedCommands,
  views,
  walkthrough,
} from '../../src/manifest.ts';

const root = join(import.meta.dirname, '../..');
const text = (path: string) => readFileSync(join(root, path), 'utf8');

interface Package {
  readonly icon: string;
  readonly capabilities: { readonly untrustedWorkspaces: { readonly restrictedConfigurations: readonly string[] } };
  readonly contributes: {
    readonly commands: readonly {
      readonly command: CommandId;
      readonly title: string;
      readonly category: string;
      readonly enablement?: string;
    }[];
    readonly menus: Readonly<Record<string, readonly { readonly command: CommandId; readonly when?: string }[]>>;
    readonly configuration: { readonly properties: Readonly<Record<string, { readonly default: unknown }>> };
    readonly viewsWelcome: readonly { readonly view: string; readonly when: string }[];
    readonly views: Readonly<Record<string, readonly { readonly id: string }[]>>;
    readonly customEditors: readonly { readonly viewType: string }[];
    readonly jsonValidation: readonly { readonly url: string }[];
    readonly walkthroughs: readonly {
      readonly id: string;
      readonly steps: readonly { readonly media: { readonly markdown: string }; readonly completionEvents: readonly string[] }[];
    }[];
  };
}

const manifest = JSON.parse(text('package.json')) as Package;
const { contributes } = manifest;
const sources = readdirSync(join(root, 'src/editor')).map((name) => text(`src/editor/${name}`));
const editor = [...sources, text('src/extension.ts')].join('\n');

describe('package.json and the code say the same', () => {
  it('every command is contributed, and nothing else is', () => {
    assert.deepEqual(
      contributes.commands.map(({ command }) => command),
      Object.values(commands),
    );
  });

  it('all commands stand in the category RunPod', () => {
    assert.deepEqual(new Set(contributes.commands.map(({ category }) => category)), new Set(['RunPod']));
  });

  it('a command that runs something is disabled until the workspace is trusted', () => {
    for (const { command, enablement } of contributes.commands) {
      assert.equal(enablement, untrustedCommands.has(command) ? undefined : 'isWorkspaceTrusted', command);
    }
  });

  it('every view is contributed, and made by the editor', () => {
    assert.deepEqual(
      Object.values(contributes.views).flatMap((list) => list.map(({ id }) => id)),
      Object.values(views),
    );
    for (const name of Object.keys(views)) assert.ok(editor.includes(`(views.${name}, `), name);
  });

  it('every custom editor is contributed, and made by the editor', () => {
    assert.deepEqual(
      contributes.customEditors.map(({ viewType }) => viewType),
      Object.values(customEditors),
    );
    for (const name of Object.keys(customEditors)) assert.ok(editor.includes(`(customEditors.${name}, `), name);
  });

  it('menus name known commands only', () => {
    const known = new Set<string>(Object.values(commands));
    for (const { command } of Object.values(contributes.menus).flat()) assert.ok(known.has(command), command);
  });

  it('a command that needs arguments is not in the palette', () => {
    const hidden = contributes.menus['commandPalette']?.filter(({ when }) => when === 'false').map(({ command }) => command);
    assert.deepEqual(hidden, [commands.deployResources, commands.endGpuProcess]);
  });

  it('every setting is contributed with the default that the code has', () => {
    const defaults = Object.fromEntries(
      Object.entries(contributes.configuration.properties).map(([id, { default: value }]) => [id, value]),
    );
    assert.deepEqual(defaults, settings);
  });

  it('every setting is read', () => {
    for (const id of Object.keys(settings)) assert.ok(editor.includes(`readSetting('${id}'`), id);
  });

  it('settings that are restricted in untrusted workspaces exist', () => {
    for (const id of manifest.capabilities.untrustedWorkspaces.restrictedConfigurations) assert.ok(id in settings, id);
  });

  it('when clauses use the context keys that are set, and the other way round', () => {
    const used = new Set(
      JSON.stringify([contributes.menus, contributes.walkthroughs, contributes.viewsWelcome]).match(/runpod\.(?:has|is)\w+/g),
    );
    assert.deepEqual(
      [...used].filter((key) => !Object.values<string>(contextKeys).includes(key)),
      [],
    );
    for (const key of Object.values(contextKeys)) {
      assert.ok(used.has(key), `${key} is in no when clause`);
      assert.ok(editor.includes(`setContext('${key}'`), `${key} is never set`);
    }
  });

  it('every %key% has its text, and every text is used', () => {
    const texts = JSON.parse(text('package.nls.json')) as Record<string, string>;
    const used = [...text('package.json').matchAll(/"%([\w.]+)%"/g)].map((match) => match[1] ?? '');
    assert.deepEqual([...new Set(used)].sort(), Object.keys(texts).sort());
  });

  it('buttons in texts call known commands', () => {
    const known = new Set<string>(Object.values(commands));
    for (const [, command] of text('package.nls.json').matchAll(/\(command:(runpod\.\w+)\)/g)) assert.ok(known.has(command ?? ''), command);
  });

  it('files that are named are there', () => {
    const media = contributes.walkthroughs.flatMap(({ steps }) => steps.map((step) => step.media.markdown));
    const schemas = contributes.jsonValidation.map(({ url }) => url);
    for (const path of [manifest.icon, ...media, ...schemas]) assert.ok(existsSync(join(root, path)), path);
  });

  it('the walkthrough is finished by commands that exist', () => {
    assert.deepEqual(
      contributes.walkthroughs.map(({ id }) => id),
      [walkthrough],
    );
    const known = new Set<string>(Object.values(commands));
    for (const event of contributes.walkthroughs.flatMap(({ steps }) => steps.flatMap(({ completionEvents }) => completionEvents))) {
      const command = /^onCommand:(runpod\..+)$/.exec(event)?.[1];
      if (command !== undefined) assert.ok(known.has(command), event);
    }
  });
});
