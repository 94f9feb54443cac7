import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../core/errors.ts';

/** What of a project is to be installed on the pod. */
export type Installation = 'requirements' | 'project' | 'both';

/** Files that say what a project needs, as far as pip reads them. */
const packagingFiles = ['requirements.txt', 'pyproject.toml', 'setup.py', 'setup.cfg'];

export interface InstallPlan {
  /** Of the project, to be on the pod before. */
  readonly files: readonly string[];
  /** Shell lines for the project's folder and environment, in order. */
  readonly commands: readonly string[];
}

/**
 * How pip installs what a project names: its requirements.txt, then itself, editable, so that what is deployed later
 * counts at once.
 *
 * @param deployable Files of the project, below its root.
 * @throws UserError 'not-configured' when the project names nothing of the kind
 */
export async function installPlan(root: string, deployable: ReadonlySet<string>, what: Installation): Promise<InstallPlan> {
  const files = packagingFiles.filter((file) => deployable.has(file));
  const commands: string[] = [];
  if (what !== 'project' && deployable.has('requirements.txt')) commands.push('python -m pip install -r requirements.txt');
  if (what !== 'requirements' && (await isInstallable(root, deployable))) commands.push('python -m pip install -e .');
  if (commands.length > 0) return { files, commands };
  const wanted = {
    requirements: 'a requirements.txt',
    project: 'a pyproject.toml with [project] or a setup.py',
    both: 'a requirements.txt, pyproject.toml or setup.py',
  };
  throw new UserError(
    'not-configured',
    `The project has nothing that pip could install. Add ${wanted[what]} to ${root}, or install with \`rpo exec "python -m pip install ..."\`.`,
  );
}

/** A pyproject.toml may be there only for the settings of tools. */
async function isInstallable(root: string, deployable: ReadonlySet<string>): Promise<boolean> {
  if (deployable.has('setup.py')) return true;
  if (!deployable.has('pyproject.toml')) return false;
  return /^\s*\[(project|build-system)\]/m.test(await readFile(join(root, 'pyproject.toml'), 'utf8'));
}
