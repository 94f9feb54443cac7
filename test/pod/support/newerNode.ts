import { join } from 'node:path';

/** Some tools want Node 22 or later; the editor tests bring one along. */
export const newerNode =
  Number(process.versions.node.split('.')[0]) >= 22
    ? process.execPath
    : join(import.meta.dirname, `../../host/node_modules/node-${process.platform}-${process.arch}/bin/node`);
