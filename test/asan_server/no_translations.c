/* Preloaded beside libasan into the server under test. libasan starts before the process's thread has
 * its id; the C library then takes its translations' lock for held by itself and gives it back without
 * having it, and the first who wants it for writing waits forever. Nobody does without translations. */
char* bindtextdomain(const char* domain, const char* folder) {
  (void)domain;
  return (char*)folder;
}
char* textdomain(const char* domain) { return (char*)domain; }
char* bind_textdomain_codeset(const char* domain, const char* codeset) {
  (void)domain;
  return (char*)codeset;
}
