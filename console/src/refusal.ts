// What the engine has against a field of a form. Pure.
import { ApiError, errorText } from './api';

/** A refusal of the engine: which field, and why. */
export interface Refusal {
  field: string;
  reason: string;
}

/** What people read where a button was pressed, when the marked field says the rest. */
export const MARKED = 'Not saved: the engine does not take what is marked.';

/** What the engine has against a field; absent where it says nothing of one. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof ApiError) || !error.field) return undefined;
  const { field, message } = error;
  const prefix = `${field}: `;
  const reason = message.startsWith(prefix) ? message.slice(prefix.length) : message;
  return { field, reason: errorText(new Error(reason)) };
}

/** Why `field` was refused, or an entry of it; empty where it was not. */
export function refusedAt(refusal: Refusal | undefined, field: string): string {
  if (!refusal?.field.startsWith(field)) return '';
  return /^(\[\d+\])?$/.test(refusal.field.slice(field.length)) ? refusal.reason : '';
}
