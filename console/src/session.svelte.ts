// Who is logged in. The cookie is HttpOnly, so the engine alone knows; this mirrors its answer.
import * as api from './api';
import type { Session } from './api';

class CurrentSession {
  /** `undefined` until the engine was asked, `null` when nobody is logged in. */
  user = $state<Session | null | undefined>(undefined);
  /** Why nobody can be logged in, when the engine did not answer at all. */
  failure = $state('');

  constructor() {
    api.watchRefusals((error) => {
      if (error.status === 401) this.user = null;
      if (error.code === 'password_change_required' && this.user) {
        this.user.must_change_password = true;
      }
    });
  }

  /** Asks the engine whose cookie this is. */
  async resume(): Promise<void> {
    this.failure = '';
    try {
      this.user = await api.readSession();
    } catch (error) {
      this.user = null;
      if (!(error instanceof api.ApiError && error.status === 401)) {
        this.failure = api.errorText(error);
      }
    }
  }

  async logIn(username: string, password: string): Promise<void> {
    this.user = await api.logIn(username, password);
    this.failure = '';
  }

  async changePassword(current: string, next: string): Promise<void> {
    await api.changePassword(current, next);
    if (this.user) this.user.must_change_password = false;
  }

  async logOut(): Promise<void> {
    await api.logOut().catch(() => {});
    this.user = null;
  }
}

export const session = new CurrentSession();
