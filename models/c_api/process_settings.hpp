#pragma once

namespace vitrine {

// Threads, executor and instruction set are for the whole process. Calls that compute share them;
// who changes them is alone.
//   1. A change waits for the calls that compute now. Those that come later wait for the change.
//   2. A call that comes from inside another one, on its thread or in a task of its executor, waits
//      for nobody: the outer one holds the settings for both.
//   3. A change from there would wait for itself: it is refused.

/// While one lives, the settings are as they are.
class ShareSettings {
 public:
  ShareSettings();
  ~ShareSettings();
  ShareSettings(const ShareSettings&) = delete;
  ShareSettings& operator=(const ShareSettings&) = delete;

 private:
  bool locked_;
};

/// While one lives, nobody computes. Throws UsageError from inside a call that does.
class ChangeSettings {
 public:
  ChangeSettings();
  ~ChangeSettings();
  ChangeSettings(const ChangeSettings&) = delete;
  ChangeSettings& operator=(const ChangeSettings&) = delete;
};

}  // namespace vitrine
