import assert from 'node:assert/strict';
import { readConfig } from '../../../src/project/configFile.ts';
import { podsSchema, projectSchema } from '../../../src/project/schema.ts';

/** What is said of the only bad value. */
function said(text: string, schema: typeof projectSchema | typeof podsSchema): string {
  try {
    readConfig(text, '/p/x.json', schema);
  } catch (error) {
    return /^ {2}x\.json:\d+:\d+: (.*)$/m.exec((error as Error).message)?.[1] ?? '';
  }
  return '';
}

describe('what was expected', () => {
  it('is said in plain words, never in those of the library that checks', () => {
    const project: readonly (readonly [string, string])[] = [
      ['{"train":{"seed":"abc"}}', 'train.seed: expected a whole number >= 0, got "abc"'],
      ['{"presets":{"":["a"]}}', 'presets[""]: expected a name that is not empty'],
      ['{"stages":[{"models":["x"]}]}', 'stages[0].name: is missing; expected a string that is not empty'],
      ['{"agents":{"exec":5}}', 'agents.exec: expected one of "free", "off" or a list [...] with at least one entry, got 5'],
      ['{"environment":{"variables":{"a-b":"x"}}}', 'environment.variables.a-b: expected a name of letters, digits and _'],
    ];
    for (const [text, sentence] of project) assert.equal(said(text, projectSchema), sentence);
    assert.equal(
      said('{"pods":{"a":{"host":"x","hostKeys":"no"}}}', podsSchema),
      'pods.a.hostKeys: expected one of "accept-new", "strict", "off", got "no"',
    );
  });
});
