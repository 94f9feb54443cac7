import * as vscode from 'vscode';
import { type ContextValues, type SettingId, type SettingValue, settings } from '../manifest.ts';

/** The setting as it is now; `scope` decides between folders of a multi-root workspace. */
export function readSetting<Id extends SettingId>(id: Id, scope?: vscode.Uri): SettingValue<Id> {
  return vscode.workspace.getConfiguration(undefined, scope).get<SettingValue<Id>>(id, settings[id]);
}

export function setContext<Key extends keyof ContextValues>(key: Key, value: ContextValues[Key]): void {
  void vscode.commands.executeCommand('setContext', key, value);
}
