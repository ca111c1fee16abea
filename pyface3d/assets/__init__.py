"""Files of the package: ``ict_face.npz``, made from ICT-FaceKit light (``LICENSE-ICT-FaceKit.txt``), and others."""
