import assert from 'node:assert/strict';
import { configTemplate } from '../../../src/editor/configTemplate.ts';
import { readConfig } from '../../../src/project/configFile.ts';
import { projectSchema } from '../../../src/project/schema.ts';

describe('the runpod.json that is made for a project without one', () => {
  it('is one that we read, whatever the folder is called', () => {
    for (const name of ['moola', 'my "project"', 'ä b\\c']) {
      assert.equal(readConfig(configTemplate(name), 'runpod.json', projectSchema).remoteRoot, `/workspace/${name}`);
    }
  });
});
