import subprocess
import sys


def test_top_package_imports_no_torch():
    code = "import sys, pyface3d; assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
