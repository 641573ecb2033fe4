"""run.py FOLDER BACKEND [TEST ...]: the examples of FOLDER over BACKEND."""

import glob
import importlib
import os
import sys
import unittest

import programs

if __name__ == "__main__":
    programs.folder, programs.backend = sys.argv[1], sys.argv[2]
    here = os.path.dirname(os.path.abspath(__file__))
    loader = unittest.TestLoader()
    suite = unittest.TestSuite()
    for path in sorted(glob.glob(os.path.join(here, "test_*.py"))):
        module = importlib.import_module(os.path.basename(path)[:-3])
        suite.addTest(loader.loadTestsFromModule(module))
    if sys.argv[3:]:
        chosen = [t for group in suite for case in group for t in case
                  if any(word in t.id() for word in sys.argv[3:])]
        suite = unittest.TestSuite(chosen)
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    sys.exit(0 if result.wasSuccessful() and result.testsRun > 0 else 1)
